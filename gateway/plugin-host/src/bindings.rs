//! The WIT package as Rust, made when this crate is built. One set of imports serves both worlds.
#![expect(missing_docs, reason = "made by a macro; the WIT file holds the words")]

mod workflow {
    wasmtime::component::bindgen!({
        path: "../../experts-sdk/wit",
        world: "workflow",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "moegate:plugin/infer.feed": crate::host::FeedHandle,
            "moegate:plugin/trace.span": crate::host::SpanHandle,
        },
    });
}

mod expert {
    wasmtime::component::bindgen!({
        path: "../../experts-sdk/wit",
        world: "expert",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "moegate:plugin/types": super::workflow::moegate::plugin::types,
            "moegate:plugin/infer": super::workflow::moegate::plugin::infer,
            "moegate:plugin/output": super::workflow::moegate::plugin::output,
            "moegate:plugin/retrieve": super::workflow::moegate::plugin::retrieve,
            "moegate:plugin/kv": super::workflow::moegate::plugin::kv,
            "moegate:plugin/http": super::workflow::moegate::plugin::http,
            "moegate:plugin/secrets": super::workflow::moegate::plugin::secrets,
            "moegate:plugin/tools": super::workflow::moegate::plugin::tools,
            "moegate:plugin/trace": super::workflow::moegate::plugin::trace,
            "moegate:plugin/context": super::workflow::moegate::plugin::context,
        },
    });
}

pub(crate) use expert::ExpertPre;
pub use workflow::moegate::plugin::types;
pub(crate) use workflow::moegate::plugin::{
    context, http, infer, kv, output, retrieve, secrets, steps, tools, trace,
};
pub(crate) use workflow::{Workflow, WorkflowPre};
