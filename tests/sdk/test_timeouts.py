"""A caller's patience ends: the SDK raises, and the gateway goes on."""

import time

import openai
import pytest
from conftest import CARD, ask

PATIENT = {"x-stainless-read-timeout": "300"}


def test_a_slow_expert_meets_the_clients_timeout(connect):
    """The header keeps the gateway waiting, so that it is the client who gives up."""
    started = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        connect(timeout=0.5).chat.completions.create(
            model="slow", messages=ask(CARD), extra_headers=PATIENT
        )
    assert time.monotonic() - started < 10


def test_the_gateway_gives_up_when_the_client_would(client):
    """The SDK tells its timeout in a header; the gateway makes it the deadline of the request."""
    started = time.monotonic()
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model="slow", messages=ask(CARD), extra_headers={"x-stainless-read-timeout": "1"}
        )
    assert caught.value.status_code in (408, 504)
    assert caught.value.response.json()["error"]["type"]
    assert time.monotonic() - started < 20


def test_others_are_served_while_one_waits(connect, client):
    waiting = connect(timeout=30).chat.completions.with_streaming_response
    slow = {"model": "slow", "messages": ask(CARD), "stream": True, "timeout": 1}
    with pytest.raises((openai.APITimeoutError, openai.APIStatusError)):
        with waiting.create(**slow):
            pass
    assert client.chat.completions.create(model="auto", messages=ask(CARD)).choices
