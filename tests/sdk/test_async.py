"""Many at a time, through the async client."""

import asyncio
import json

from conftest import CARD, ask


def test_fifty_calls_at_once_get_fifty_answers(async_client):
    async def run():
        async with async_client(max_retries=3) as client:
            calls = [
                client.chat.completions.create(model="auto", messages=ask(f"{CARD} Case {number}."))
                for number in range(50)
            ]
            return await asyncio.gather(*calls)

    answers = asyncio.run(run())
    assert len({answer.id for answer in answers}) == 50
    assert len({answer._request_id for answer in answers}) == 50
    assert all(json.loads(answer.choices[0].message.content)["label"] for answer in answers)


def test_streams_and_whole_answers_run_side_by_side(async_client):
    async def read(client):
        text = ""
        stream = await client.chat.completions.create(model="auto", messages=ask(CARD), stream=True)
        async for chunk in stream:
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        return json.loads(text)["label"]

    async def whole(client):
        answer = await client.chat.completions.create(model="auto", messages=ask(CARD))
        return json.loads(answer.choices[0].message.content)["label"]

    async def run():
        async with async_client(max_retries=3) as client:
            return await asyncio.gather(*[read(client) for _ in range(8)], *[whole(client) for _ in range(8)])

    labels = asyncio.run(run())
    assert len(labels) == 16 and len(set(labels)) == 1


def test_a_cancelled_call_leaves_the_client_usable(async_client):
    async def run():
        async with async_client(max_retries=0) as client:
            call = asyncio.create_task(client.chat.completions.create(model="slow", messages=ask(CARD)))
            done, _ = await asyncio.wait([call], timeout=0.3)
            assert not done
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert call.cancelled()
            return await client.chat.completions.create(model="auto", messages=ask(CARD))

    assert asyncio.run(run()).choices
