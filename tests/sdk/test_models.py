"""The list of models is what this key may use, and nothing else."""

import openai
import pytest


def test_the_list_has_the_shape_of_openai(client, experts):
    models = client.models.list().data
    assert len(experts) >= 4
    assert len({model.id for model in models}) == len(models)
    for model in models:
        assert model.object == "model" and model.owned_by and isinstance(model.created, int)


def test_each_listed_model_can_be_looked_up(client):
    for model in client.models.list():
        assert client.models.retrieve(model.id).id == model.id


def test_a_key_sees_only_its_experts(connect, client, forbidden):
    narrow = {model.id for model in connect("KEY_NARROW").models.list()}
    assert narrow < {model.id for model in client.models.list()}
    with pytest.raises(openai.NotFoundError):
        connect("KEY_NARROW").models.retrieve(forbidden)


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("no-such-expert")
    assert error.value.code == "model_not_found"
