//! What a partner's plugin is written with: the calls of the host as plain functions, the types of chats, and a
//! host in memory for tests. It must not know how the gateway does any of it.
//!
//! A plugin is a library with `crate-type = ["cdylib"]` and one function:
//!
//! ```
//! use experts_sdk::{Chat, Error, Reply, reply};
//!
//! # #[cfg(any())]
//! #[experts_sdk::expert]
//! fn answer(ask: Chat) -> Result<Reply, Error> {
//!     let words = experts_sdk::last_user_text(&ask).split_whitespace().count();
//!     Ok(reply(format!("{words} words")))
//! }
//! # fn answer(ask: Chat) -> Result<Reply, Error> {
//! #     Ok(reply(format!("{} words", experts_sdk::last_user_text(&ask).split_whitespace().count())))
//! # }
//! ```
//!
//! Choose the world with a feature: `expert` or `workflow`. Built for anything but wasm, every call of the host goes
//! to the host in memory of [`testing`].
//!
//! A guest without WASI has no clock, no randomness and no standard output: use [`context::now_ms`],
//! [`context::random`] and [`trace::log`]. Two iterations of a `HashMap` always agree.

mod calls;
mod chat;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(all(feature = "expert", feature = "workflow", target_arch = "wasm32"))]
compile_error!("choose one of the features `expert` and `workflow`");

/// The WIT package as Rust.
#[doc(hidden)]
#[allow(
    missing_docs,
    clippy::all,
    reason = "made by a macro; the WIT file holds the words"
)]
pub mod bindings {
    #[cfg(any(feature = "workflow", not(feature = "expert")))]
    wit_bindgen::generate!({
        path: "wit",
        world: "workflow",
        pub_export_macro: true,
        default_bindings_module: "::experts_sdk::bindings",
        generate_all,
        additional_derives: [PartialEq, Clone],
    });
    #[cfg(all(feature = "expert", not(feature = "workflow")))]
    wit_bindgen::generate!({
        path: "wit",
        world: "expert",
        pub_export_macro: true,
        default_bindings_module: "::experts_sdk::bindings",
        generate_all,
        additional_derives: [PartialEq, Clone],
    });
}

pub use bindings::moegate::plugin::types::{
    Chat, Error, Message, Reply, Role, Tool, ToolCall, Usage,
};
#[cfg(any(feature = "workflow", not(feature = "expert")))]
pub use calls::steps;
pub use calls::{config, context, http, infer, kv, output, retrieve, secrets, tools, trace};
pub use chat::{ask, error, last_user_text, reply, reply_json};
pub use experts_sdk_macros::{expert, workflow};

/// Runs once at the start of each call: from here on a panic says its words before it ends the call.
#[doc(hidden)]
pub fn begin() {
    std::panic::set_hook(Box::new(|why| {
        trace::log(trace::Level::Error, &format!("panic: {why}"));
    }));
}

/// Reads a workflow's input, runs it, and writes its output.
#[doc(hidden)]
pub fn run_json<T, U>(input: &str, run: impl FnOnce(T) -> Result<U, Error>) -> Result<String, Error>
where
    T: serde::de::DeserializeOwned,
    U: serde::Serialize,
{
    let input = serde_json::from_str(input)
        .map_err(|why| error("invalid", &format!("the input: {why}")))?;
    let output = run(input)?;
    serde_json::to_string(&output).map_err(|why| error("internal", &format!("the output: {why}")))
}

/// Exports a function as the answer of an expert.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_expert {
    ($function:ident) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Plugin;
            impl $crate::bindings::exports::moegate::plugin::expert_api::Guest for Plugin {
                fn answer(
                    ask: $crate::Chat,
                ) -> ::core::result::Result<$crate::Reply, $crate::Error> {
                    $crate::begin();
                    $function(ask)
                }
            }
    $crate::bindings::export!(Plugin with_types_in $crate::bindings);
        };
    };
}

/// Exports a function as the run of a workflow.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_workflow {
    ($function:ident) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Plugin;
            impl $crate::bindings::exports::moegate::plugin::workflow_api::Guest for Plugin {
                fn run(
                    input: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, $crate::Error> {
                    $crate::begin();
                    $crate::run_json(&input, $function)
                }
            }
    $crate::bindings::export!(Plugin with_types_in $crate::bindings);
        };
    };
}
