import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

import { SettingsError, type Settings } from "./settings.ts";
import { FUNCTIONS } from "./permissions.ts";

/** ELF's machine numbers, https://www.sco.com/developers/gabi/latest/ch4.eheader.html. */
const MACHINES: Readonly<Record<number, Settings["architecture"]>> = { 62: "x86_64", 183: "arm64" };

/** Stops synthesis when a function has not been built, or for another architecture. */
export function checkBinaries(folder: string, architecture: Settings["architecture"]): void {
  const command = architecture === "x86_64" ? "cargo xtask build" : `cargo xtask build --arch ${architecture}`;
  const missing = FUNCTIONS.filter((name) => !existsSync(join(folder, name, "bootstrap")));
  if (missing.length > 0) {
    throw new SettingsError(
      `${missing.map((name) => join(folder, name, "bootstrap")).join(", ")} not found; run \`${command}\` first`,
    );
  }
  for (const name of FUNCTIONS) {
    const found = machine(join(folder, name, "bootstrap"));
    if (found !== undefined && found !== architecture) {
      throw new SettingsError(
        `${join(folder, name, "bootstrap")} is built for ${found}, but architecture is "${architecture}"; ` +
          `run \`${command}\`, or set architecture to "${found}"`,
      );
    }
  }
}

/** What an ELF file runs on; undefined for other files, such as scripts. */
function machine(path: string): string | undefined {
  const header = Buffer.alloc(20);
  const file = openSync(path, "r");
  try {
    readSync(file, header, 0, header.length, 0);
  } finally {
    closeSync(file);
  }
  const isElf = header.readUInt32BE(0) === 0x7f454c46;
  return isElf ? (MACHINES[header.readUInt16LE(18)] ?? "another processor") : undefined;
}
