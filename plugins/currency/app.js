// Joins currency.js to the host.
import { config } from "moegate:plugin/context@0.1.0";
import { log } from "moegate:plugin/trace@0.1.0";
import { answer } from "./currency.js";

const refuse = (message) => ({ code: "invalid", message, retryAfterMs: undefined });

export const expertApi = {
  answer(request) {
    const question = request.messages.filter((message) => message.role === "user").at(-1)?.content ?? "";
    let answered;
    try {
      answered = answer(question, JSON.parse(config() || "{}"));
    } catch (error) {
      log("error", error.message);
      throw refuse(`the tenant's rates cannot be used: ${error.message}`);
    }
    if (answered === undefined) throw refuse("the message asks for no conversion between currencies with a rate");
    return {
      message: { role: "assistant", content: JSON.stringify(answered), toolCalls: [], extra: "" },
      finish: "stop",
      usage: { inputTokens: 0, outputTokens: 0 },
      extra: "",
    };
  },
};
