//! `#[expert]` and `#[workflow]`: make a function into what the gateway calls. They must not know the types of the
//! function; the code they add is checked by the compiler like any other.

use proc_macro::{TokenStream, TokenTree};

/// Makes `fn(Chat) -> Result<Reply, Error>` the plugin's answer.
#[proc_macro_attribute]
pub fn expert(arguments: TokenStream, function: TokenStream) -> TokenStream {
    with_export(&arguments, function, "__export_expert")
}

/// Makes `fn(T) -> Result<U, Error>` the plugin's run, where `T` is read from JSON and `U` written to it.
#[proc_macro_attribute]
pub fn workflow(arguments: TokenStream, function: TokenStream) -> TokenStream {
    with_export(&arguments, function, "__export_workflow")
}

fn with_export(arguments: &TokenStream, function: TokenStream, export: &str) -> TokenStream {
    if !arguments.is_empty() {
        return error("this attribute takes no arguments");
    }
    let Some(name) = name_of(function.clone()) else {
        return error("this attribute belongs on a function");
    };
    let Ok(added) = format!("::experts_sdk::{export}!({name});").parse::<TokenStream>() else {
        return error("this function's name cannot be used");
    };
    let mut all = function;
    all.extend(added);
    all
}

/// The identifier after `fn`.
fn name_of(function: TokenStream) -> Option<String> {
    let mut tokens = function.into_iter();
    tokens.find(|token| matches!(token, TokenTree::Ident(word) if word.to_string() == "fn"))?;
    match tokens.next()? {
        TokenTree::Ident(name) => Some(name.to_string()),
        _ => None,
    }
}

fn error(text: &str) -> TokenStream {
    format!("::core::compile_error!({text:?});")
        .parse()
        .unwrap_or_default()
}
