import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Loading the CDK takes seconds where two cores are shared with a compiler.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One process: each would load the CDK again.
    maxWorkers: 1,
    isolate: false,
  },
});
