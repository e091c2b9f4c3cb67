"""What the tests know of the gateway under test: an address, keys, and two mock experts.

MOEGATE_BASE_URL  address up to and including /v1
KEY_FULL          may use every expert, and is limited by nothing a test reaches
KEY_NOBODY        was revoked
KEY_LIMITED       one request a minute
KEY_BROKE         its budget is used up
KEY_NARROW        may use some experts only

Besides the shipped experts the gateway has two remotes: `slow`, which answers later than any test waits,
and `paced`, which streams hundreds of tokens with pauses between them.
"""

import os

import openai
import pytest

MOCKS = ("slow", "paced")
CARD = "The cash machine kept my card and did not give it back, what now?"


def environment(name):
    """A variable the harness sets; its absence is an error of the harness, never a skip."""
    value = os.environ.get(name)
    if not value:
        raise pytest.UsageError(f"{name} is not set: these tests run against a gateway, see conftest.py")
    return value


@pytest.fixture(scope="session")
def base_url():
    return environment("MOEGATE_BASE_URL")


@pytest.fixture
def connect(base_url):
    """Makes a client for the key of this variable: connect("KEY_FULL", timeout=5)."""
    clients = []

    def make(key="KEY_FULL", **options):
        options.setdefault("max_retries", 0)
        options.setdefault("timeout", 60)
        client = openai.OpenAI(base_url=base_url, api_key=environment(key), **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect):
    return connect()


@pytest.fixture
def async_client(base_url):
    """Makes an async client; each test closes its own with `async with`."""

    def make(**options):
        return openai.AsyncOpenAI(base_url=base_url, api_key=environment("KEY_FULL"), timeout=60, **options)

    return make


@pytest.fixture
def experts(client):
    """The ids of the shipped experts, as the gateway lists them."""
    return [model.id for model in client.models.list() if model.id not in MOCKS + ("auto",)]


@pytest.fixture
def forbidden(connect, experts):
    """An expert that exists and that KEY_NARROW may not use."""
    allowed = {model.id for model in connect("KEY_NARROW").models.list()}
    hidden = [expert for expert in experts if expert not in allowed]
    assert allowed and hidden, f"KEY_NARROW sees {allowed} of {experts}"
    return hidden[0]


def ask(text):
    """The messages of a one-line question."""
    return [{"role": "user", "content": text}]
