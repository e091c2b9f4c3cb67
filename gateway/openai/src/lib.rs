//! The wire form of the OpenAI API: requests, answers, chunks, the error object and server-sent
//! events. It must not know of sockets, tenants, prices or how an answer is made.

mod chat;
mod error;
mod model_list;
mod response;
pub mod sse;
mod usage;

pub use chat::{
    ChatRequest, Content, ContentPart, Message, Metadata, RequestError, ResponseFormat, Role,
    StreamOptions, UserText,
};
pub use error::{ApiError, ErrorBody, ErrorKind};
pub use model_list::{Model, ModelList};
pub use response::{
    ChatChunk, ChatResponse, Choice, ChunkChoice, Delta, FinishReason, Logprobs, ResponseMessage,
    TokenLogprob, TopLogprob,
};
pub use usage::{CompletionDetails, PromptDetails, Usage};
