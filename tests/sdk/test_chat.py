"""Answers in one piece: their shape, what may be asked for, and the headers beside them."""

import json
import time
import uuid

import pytest
from conftest import CARD, ask


def test_auto_lets_the_gate_choose_an_expert(client, experts):
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=ask(CARD))
    answer = raw.parse()

    assert answer.object == "chat.completion"
    assert answer.id and abs(answer.created - time.time()) < 300
    assert answer.model in experts
    assert raw.headers["x-moegate-expert"] == answer.model
    assert uuid.UUID(raw.headers["x-moegate-decision"]).version == 7
    [choice] = answer.choices
    assert choice.index == 0 and choice.finish_reason == "stop"
    assert choice.message.role == "assistant"


def test_the_answer_of_an_expert_is_json(client):
    answer = client.chat.completions.create(model="auto", messages=ask(CARD))
    content = json.loads(answer.choices[0].message.content)
    assert set(content) >= {"label", "confidence", "answer"}
    assert isinstance(content["label"], str) and content["label"]
    assert 0.0 <= content["confidence"] <= 1.0
    assert isinstance(content["answer"], str) and content["answer"]


def test_usage_adds_up_and_keeps_the_receipt_inside(client):
    usage = client.chat.completions.create(model="auto", messages=ask(CARD)).usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert "moegate" not in usage.model_extra, "the receipt is for the ledger"


def test_more_text_is_more_tokens(client):
    def prompt_tokens(text):
        return client.chat.completions.create(model="auto", messages=ask(text)).usage.prompt_tokens

    assert prompt_tokens(CARD) < prompt_tokens(f"{CARD} {CARD}")


def test_every_expert_can_be_pinned(client, experts):
    for expert in experts:
        raw = client.chat.completions.with_raw_response.create(model=expert, messages=ask(CARD))
        assert raw.parse().model == expert
        assert raw.headers["x-moegate-expert"] == expert


def test_text_is_the_answer_without_its_wrapping(client, experts):
    def content(kind):
        answer = client.chat.completions.create(
            model=experts[0], messages=ask(CARD), response_format={"type": kind}
        )
        return answer.choices[0].message.content

    assert content("text") == json.loads(content("json_object"))["answer"]


def test_logprobs_rank_the_labels(client, experts):
    answer = client.chat.completions.create(
        model=experts[0], messages=ask(CARD), logprobs=True, top_logprobs=3
    )
    label = json.loads(answer.choices[0].message.content)["label"]
    [first, *_] = answer.choices[0].logprobs.content
    scores = [top.logprob for top in first.top_logprobs]
    assert len(scores) == 3
    assert all(score <= 0 for score in scores) and scores == sorted(scores, reverse=True)
    assert label in [top.token for top in first.top_logprobs]


def test_the_same_question_gets_the_same_label(client, experts):
    labels = set()
    for _ in range(3):
        answer = client.chat.completions.create(model=experts[0], messages=ask(CARD))
        labels.add(json.loads(answer.choices[0].message.content)["label"])
    assert len(labels) == 1


def test_a_scenario_can_be_declared(client):
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=ask(CARD), metadata={"scenario": "bank-intents"}
    )
    assert json.loads(raw.parse().choices[0].message.content)["label"] == "card_swallowed"


def test_conversations_and_parts_are_understood(client):
    answer = client.chat.completions.create(
        model="auto",
        messages=[
            {"role": "system", "content": "You help the customers of a bank."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "How can I help?"},
            {"role": "user", "content": [{"type": "text", "text": CARD}]},
        ],
        temperature=0,
        max_completion_tokens=64,
        seed=7,
        user="a-caller",
    )
    assert answer.choices[0].message.content


@pytest.mark.parametrize("text", ["Wo bleibt meine neue Karte?", "我的银行卡丢了", "💳❓", "x" * 20_000])
def test_any_language_and_length_gets_an_answer(client, text):
    assert client.chat.completions.create(model="auto", messages=ask(text)).choices[0].message.content


def test_the_request_id_is_echoed_or_made(client):
    mine = f"test-{uuid.uuid4()}"
    answer = client.chat.completions.create(
        model="auto", messages=ask(CARD), extra_headers={"x-request-id": mine}
    )
    assert answer._request_id == mine
    first, second = (client.chat.completions.create(model="auto", messages=ask(CARD)) for _ in range(2))
    assert first._request_id and second._request_id and first._request_id != second._request_id


def test_the_cost_stands_in_a_header(client, experts):
    raw = client.chat.completions.with_raw_response.create(model=experts[0], messages=ask(CARD))
    cost = raw.headers["x-moegate-cost"]
    assert float(cost.split()[0]) > 0, cost
