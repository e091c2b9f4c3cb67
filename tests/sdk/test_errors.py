"""Refusals: the SDK raises its typed errors, and retries only what is worth it."""

import openai
import pytest
from conftest import CARD, ask


def refusal(client, kind, **request):
    """The error of this type that the request raises, with the shape every error has."""
    request.setdefault("model", "auto")
    request.setdefault("messages", ask(CARD))
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**request)
    check_shape(caught.value)
    return caught.value


def check_shape(error):
    body = error.response.json()["error"]
    assert set(body) >= {"message", "type", "param", "code"}
    assert isinstance(body["message"], str) and body["message"]
    assert isinstance(body["type"], str) and body["type"]
    assert all(body[key] is None or isinstance(body[key], str) for key in ("param", "code"))
    assert error.request_id


def test_a_revoked_key_is_no_key(connect):
    error = refusal(connect("KEY_NOBODY"), openai.AuthenticationError)
    assert error.status_code == 401 and error.type == "authentication_error"


@pytest.mark.parametrize("key", ["sk-of-another-house", "mg_aurora-bank_0000", "mg__", "eyJhbGciOiJub25lIn0.e30."])
def test_a_made_up_key_opens_nothing(base_url, key):
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
        refusal(client, openai.AuthenticationError)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_a_forbidden_expert_is_forbidden(connect, forbidden):
    error = refusal(connect("KEY_NARROW"), openai.PermissionDeniedError, model=forbidden)
    assert error.status_code == 403 and error.type == "permission_error"


def test_an_unknown_model_and_an_unknown_path_are_not_found(client):
    error = refusal(client, openai.NotFoundError, model="no-such-expert")
    assert error.status_code == 404 and error.code == "model_not_found" and error.param == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        client.post("/no/such/path", cast_to=object, body={})
    check_shape(caught.value)


@pytest.mark.parametrize(
    ("request_body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"top_logprobs": 500, "logprobs": True}, "top_logprobs"),
    ],
)
def test_a_wrong_value_names_its_field(client, request_body, param):
    error = refusal(client, openai.BadRequestError, **request_body)
    assert error.status_code == 400 and error.type == "invalid_request_error"
    assert error.param and error.param.startswith(param), error.param


@pytest.mark.parametrize(
    ("request_body", "hint"),
    [
        ({"messages": [{"role": "nobody", "content": "x"}]}, "nobody"),
        ({"messages": "hello"}, "hello"),
        ({"temperature": "hot"}, "hot"),
    ],
)
def test_a_wrong_type_says_what_was_found(client, request_body, hint):
    error = refusal(client, openai.BadRequestError, **request_body)
    assert error.status_code == 400 and error.type == "invalid_request_error"
    assert hint in error.message


def test_ten_megabytes_are_too_much(client):
    error = refusal(client, openai.APIStatusError, messages=ask("x" * 10_000_000))
    assert error.status_code == 413 and error.type == "invalid_request_error"


def test_one_request_a_minute_means_one(connect):
    limited = connect("KEY_LIMITED")
    assert limited.chat.completions.create(model="auto", messages=ask(CARD)).choices
    error = refusal(limited, openai.RateLimitError)
    headers = error.response.headers
    assert error.status_code == 429 and error.type == "rate_limit_error"
    assert headers["x-should-retry"] == "true"
    assert 0 < float(headers["retry-after"]) <= 60
    assert 0 < int(headers["retry-after-ms"]) <= 60_000
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"]


def test_an_empty_budget_is_final_and_the_sdk_does_not_insist(connect):
    sent = []
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    error = refusal(connect("KEY_BROKE", max_retries=3, http_client=http), openai.RateLimitError)
    assert error.code == "insufficient_quota" and error.type == "insufficient_quota"
    assert error.response.headers["x-should-retry"] == "false"
    assert len(sent) == 1, "the SDK tried again"


def test_a_refused_stream_is_an_error_and_not_a_stream(connect, client):
    refusal(client, openai.NotFoundError, model="no-such-expert", stream=True)
    refusal(connect("KEY_BROKE"), openai.RateLimitError, stream=True)
