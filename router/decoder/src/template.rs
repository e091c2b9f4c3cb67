//! From a conversation to the text a network reads, by the chat template of its folder.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};
use serde_json::Value;

/// Steps of a template; a conversation of a thousand messages needs far fewer.
const FUEL: u64 = 5_000_000;
const NAME: &str = "chat";

/// A chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

/// Why a conversation cannot be put into the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template itself is wrong, or asks for what is not there.
    #[error("the chat template: {0}")]
    Template(String),
    /// The template refuses the conversation, in its own words.
    #[error("{0}")]
    Refused(String),
}

impl ChatTemplate {
    /// Parses a template; `begin` and `end` are the texts of the tokens that begin and end a sequence.
    ///
    /// # Errors
    /// Its syntax is wrong.
    pub fn new(source: String, begin: String, end: String) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        // As `transformers` has it.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(|why| TemplateError::Template(said(&why)))?);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |text: String| -> Result<String, minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, text))
            },
        );
        environment.add_filter("tojson", |value: minijinja::Value| {
            serde_json::to_string(&value)
                .map_err(|why| minijinja::Error::new(ErrorKind::BadSerialization, why.to_string()))
        });
        environment
            .add_template_owned(NAME, source)
            .map_err(|why| TemplateError::Template(said(&why)))?;
        Ok(Self {
            environment,
            begin,
            end,
        })
    }

    /// The text of a conversation: a list of messages and, where there are any, of tools.
    ///
    /// # Errors
    /// The template refuses it, or uses a name that nothing is known by.
    pub fn render(&self, messages: &Value, tools: Option<&Value>) -> Result<String, TemplateError> {
        let wrong = |why: minijinja::Error| match why.kind() {
            ErrorKind::InvalidOperation if why.detail().is_some() => {
                TemplateError::Refused(why.detail().unwrap_or_default().to_owned())
            }
            _ => TemplateError::Template(said(&why)),
        };
        let template = self.environment.get_template(NAME).map_err(wrong)?;
        let known = context! {
            messages => Serde(messages),
            tools => Serde(tools),
            add_generation_prompt => true,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
        };
        template.render(known).map_err(wrong)
    }
}

fn said(why: &minijinja::Error) -> String {
    let line = why
        .line()
        .map_or(String::new(), |line| format!("line {line}: "));
    format!(
        "{line}{}",
        why.detail()
            .map_or_else(|| why.kind().to_string(), str::to_owned)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The template of the ChatML family, as many checkpoints have it.
    const CHATML: &str = "{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\\n' + message['content'].strip() + '<|im_end|>' + '\\n' }}{% endfor %}\n{% if add_generation_prompt %}\n{{ '<|im_start|>assistant\\n' }}{% endif %}";

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate::new(source.to_owned(), "<s>".to_owned(), "</s>".to_owned()).unwrap()
    }

    #[test]
    fn a_conversation_becomes_its_text() {
        let messages = json!([{"role": "system", "content": "Be short."}, {"role": "user", "content": " Hi <b> "}]);
        let text = template(CHATML).render(&messages, None).unwrap();
        assert_eq!(
            text,
            "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nHi <b><|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn tools_and_special_tokens_are_known() {
        let source = "{{ bos_token }}{% if tools %}{{ tools | tojson }}{% endif %}{{ messages[0].content }}{{ eos_token }}";
        let messages = json!([{"role": "user", "content": "x"}]);
        let tools = json!([{"a": "<'&>"}]);
        assert_eq!(
            template(source).render(&messages, None).unwrap(),
            "<s>x</s>"
        );
        assert_eq!(
            template(source).render(&messages, Some(&tools)).unwrap(),
            "<s>[{\"a\":\"<'&>\"}]x</s>"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let messages = json!([{"role": "user", "content": "x"}]);
        let refused =
            template("{{ raise_exception('roles must alternate') }}").render(&messages, None);
        assert_eq!(
            refused,
            Err(TemplateError::Refused("roles must alternate".to_owned()))
        );
        let unknown = template("{{ nobody_knows }}").render(&messages, None);
        assert!(
            matches!(unknown, Err(TemplateError::Template(_))),
            "{unknown:?}"
        );
        let endless = template(
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}",
        );
        assert!(endless.render(&messages, None).is_err());
        let broken = ChatTemplate::new("{% for %}".to_owned(), String::new(), String::new());
        assert!(matches!(broken, Err(TemplateError::Template(_))));
    }
}
