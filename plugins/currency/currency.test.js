import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { answer, convert, plain, rounded } from "./currency.js";

const settings = { base: "EUR", "as-of": "2026-11-25", rates: { USD: "1.0850", GBP: "0.8312", JPY: "163.45", CHF: "0.9347" } };
const result = (question) => answer(question, settings)?.result;

test("amounts are converted exactly", () => {
  assert.equal(result("Convert 100 EUR to USD"), "108.50");
  assert.equal(result("How much is $1,234.56 in euros?"), "1137.84");
  assert.equal(result("Was sind 1.234,50 € in Franken?"), "1153.89");
  assert.equal(result("250 CHF in JPY"), "43717");
  assert.equal(result("0.1 EUR in USD"), "0.11");
  assert.equal(convert({ amount: "99999999999999.99", from: "EUR", to: "USD" }, settings), "108499999999999.99");
});

test("halves go to the even neighbour", () => {
  assert.equal(rounded(5n, 1000n, 2), "0.00");
  assert.equal(rounded(15n, 1000n, 2), "0.02");
  assert.equal(rounded(-15n, 1000n, 2), "-0.02");
});

test("numbers are read in the ways they are written", () => {
  assert.equal(plain("1,234"), "1234");
  assert.equal(plain("1.234"), "1.234");
  assert.equal(plain("1.234,5"), "1234.5");
  assert.equal(plain("1,234,567"), "1234567");
  assert.equal(plain("12,50"), "12.50");
});

test("other questions are none of it", () => {
  for (const question of ["", "What is inflation?", "100 EUR", "Convert 100 EUR to apples", "How old is the euro in 2026?"]) {
    assert.equal(answer(question, settings), undefined, question);
  }
});

test("a rate that makes no sense is an error", () => {
  const wrong = { base: "EUR", rates: { USD: "0" } };
  assert.throws(() => answer("1 EUR in USD", wrong), RangeError);
});

test("the calibration says what the expert does", () => {
  for (const line of readFileSync(new URL("calibration.jsonl", import.meta.url), "utf8").trim().split("\n")) {
    const { prompt, accepted } = JSON.parse(line);
    assert.equal(answer(prompt, settings) !== undefined, accepted, prompt);
  }
});
