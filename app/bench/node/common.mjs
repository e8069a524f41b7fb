// What the peers on Node have in common: where they listen, what they answer, how much they allow.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const address = { host: "127.0.0.1", port: Number(process.argv[2]) };
export const limit = 900_000_000; // a minute: nobody reaches it, here as with the others
export const report = { id: "rep_1", title: "Figures of the day", values: [1, 2, 3] };
export const inFolder = (name) => join(process.env.BENCH_FOLDER, name);

/** Every key of the ground. */
export function keys() {
  const files = readdirSync(inFolder("")).filter((name) => /^keys-.*\.txt$/.test(name));
  return files.flatMap((name) => readFileSync(inFolder(name), "utf8").split("\n").filter(Boolean));
}
