import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { checkBinaries } from "../lib/binaries.ts";
import { stubBinaries } from "./support.ts";

test("a function that has not been built stops synthesis with the command that builds it", () => {
  const folder = stubBinaries();
  rmSync(join(folder, "auditor", "bootstrap"));
  expect(() => checkBinaries(folder, "x86_64")).toThrow(/auditor\/bootstrap not found; run `cargo xtask build` first/);
});

test("a function built for another processor stops synthesis", () => {
  const folder = stubBinaries();
  const elf = Buffer.alloc(64);
  elf.writeUInt32BE(0x7f454c46, 0);
  elf.writeUInt16LE(183, 18);
  writeFileSync(join(folder, "auditor", "bootstrap"), elf);
  expect(() => checkBinaries(folder, "x86_64")).toThrow(/built for arm64, but architecture is "x86_64"/);
  expect(() => checkBinaries(folder, "arm64")).not.toThrow();
});
