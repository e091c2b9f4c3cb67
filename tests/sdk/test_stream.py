"""Answers in pieces: chunks, usage at the end, and a reader who walks away."""

import json
import time

from conftest import CARD, ask


def pieces(stream):
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return chunks, text


def test_chunks_add_up_to_the_answer_in_one_piece(client, experts):
    whole = client.chat.completions.create(model=experts[0], messages=ask(CARD))
    chunks, text = pieces(client.chat.completions.create(model=experts[0], messages=ask(CARD), stream=True))

    assert json.loads(text)["label"] == json.loads(whole.choices[0].message.content)["label"]
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1 and {chunk.model for chunk in chunks} == {experts[0]}
    assert chunks[0].choices[0].delta.role == "assistant"
    ends = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert ends == ["stop"]
    assert all(chunk.usage is None for chunk in chunks), "usage was not asked for"


def test_usage_comes_last_when_asked_for(client):
    chunks, _ = pieces(
        client.chat.completions.create(
            model="auto", messages=ask(CARD), stream=True, stream_options={"include_usage": True}
        )
    )
    *before, last = chunks
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0
    assert "moegate" not in last.usage.model_extra, "the receipt is for the ledger"
    assert all(chunk.usage is None and chunk.choices for chunk in before)


def test_streamed_and_whole_answers_count_the_same_tokens(client, experts):
    asked = {"model": experts[0], "messages": ask(CARD)}
    whole = client.chat.completions.create(**asked).usage
    chunks, _ = pieces(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    streamed = chunks[-1].usage
    assert (streamed.prompt_tokens, streamed.completion_tokens) == (whole.prompt_tokens, whole.completion_tokens)


def test_the_helper_of_the_sdk_assembles_the_stream(client):
    with client.chat.completions.stream(
        model="auto", messages=ask(CARD), stream_options={"include_usage": True}
    ) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds
    assert json.loads(answer.choices[0].message.content)["label"]
    assert answer.usage.total_tokens > 0


def test_the_decision_is_known_before_the_first_chunk(client):
    with client.chat.completions.with_streaming_response.create(
        model="auto", messages=ask(CARD), stream=True
    ) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["x-moegate-decision"] and raw.headers["x-moegate-expert"]
        lines = [line for line in raw.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"


def test_tokens_arrive_while_the_expert_still_writes(client):
    stream = client.chat.completions.create(model="paced", messages=ask("count"), stream=True)
    arrivals = []
    with stream:
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                arrivals.append(time.monotonic())
            if len(arrivals) == 5:
                break
    assert arrivals[-1] > arrivals[0], "five tokens did not come in one piece"


def test_a_reader_who_leaves_does_no_harm(client):
    for _ in range(5):
        stream = client.chat.completions.create(model="paced", messages=ask("count"), stream=True)
        next(iter(stream))
        stream.close()
    assert client.chat.completions.create(model="auto", messages=ask(CARD)).choices
