"""Static batches of `transformers` for `bench worker`: reads cases as JSON from stdin, a line each, and answers a line each.

A case is {"prompts": [[token, …], …], "tokens": [n, …]}: every prompt with the tokens wanted of it. A static batch pads prompts to
the longest and writes as many tokens for all as the longest answer has; what is counted is what was wanted.
"""

import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM


def main() -> None:
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()

    def generate(prompts: list[list[int]], count: int) -> float:
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
        seen = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        begun = time.perf_counter()
        with torch.no_grad():
            model.generate(
                ids, attention_mask=seen, max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0,
            )
        return time.perf_counter() - begun

    generate([[1, 2, 3]], 2)
    for line in sys.stdin:
        case = json.loads(line)
        first = generate(case["prompts"], 1)
        whole = generate(case["prompts"], max(case["tokens"]))
        print(json.dumps({"first_token_s": first, "seconds": whole}), flush=True)


if __name__ == "__main__":
    main()
