"""Joins `triage` to the host: guideline, expert, rules."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import context, infer, output, retrieve, steps, trace
from wit_world.imports.types import Chat, Error, Message, Role

import triage


def once(key, work):
    """Does a step once: on a retry of the run its result is recalled."""
    known = steps.recall(key)
    if known is not None:
        return json.loads(known)
    if steps.cancelled():
        raise Err(Error("cancelled", f"before step {key}", None))
    value = work()
    steps.record_step(key, json.dumps(value))
    return value


class WorkflowApi(exports.WorkflowApi):
    def run(self, input: str) -> str:
        config = json.loads(context.config() or "{}")
        try:
            asked = json.loads(input)
            complaint, age = asked["complaint"], asked.get("age")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Err(Error("invalid", f"expected a complaint: {error}", None))
        if not isinstance(complaint, str) or not complaint.strip():
            raise Err(Error("invalid", "the complaint is empty", None))
        # Flags need nobody: they go out before anything is asked.
        for flag in triage.flags(complaint):
            output.emit(f"red flag: {flag['flag']} ({flag['level']})\n")
        passages = once("guideline", lambda: self.guideline(complaint, config))
        said = once("expert", lambda: self.expert(complaint, passages, config))
        return json.dumps(triage.decide(complaint, age, said))

    def guideline(self, complaint, config):
        where = json.dumps({"collection": config.get("collection", "guideline")})
        try:
            hits = retrieve.search(complaint[:1000], config.get("passages", 3), where)
        except Err as error:
            # Without a guideline the rules still hold.
            trace.log(trace.Level.WARN, f"guideline: {error.value.code}")
            return []
        return [{"document": hit.document, "chunk": hit.chunk, "text": hit.text} for hit in hits]

    def expert(self, complaint, passages, config):
        names_conditions = config.get("asks", "level") == "condition"
        prompt = complaint if names_conditions else triage.prompt(complaint, passages)
        message = Message(Role.USER, prompt, None, [], None, "")
        try:
            reply = infer.call(config.get("expert", "medical"), Chat([message], [], 512, None, ""))
        except Err as error:
            trace.log(trace.Level.WARN, f"expert: {error.value.code}")
            return None
        if names_conditions:
            return triage.condition(reply.message.content, passages, config.get("conditions", triage.CONDITIONS))
        return triage.read(reply.message.content, passages)
