// Makes component.wasm of app.js and what it imports, without WASI. Some 12 MB: it is not committed.
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

await mkdir("wit/deps/moegate-plugin", { recursive: true });
await copyFile("../../experts-sdk/wit/plugin.wit", "wit/deps/moegate-plugin/plugin.wit");
const { component } = await componentize({
  sourcePath: "app.js",
  witPath: "wit",
  worldName: "plugin",
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile("component.wasm", component);
console.log(`component.wasm: ${component.length} bytes`);
