export * from "./api/index.ts";
export * from "./closed-sets.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./fill-in.ts";
export * from "./limits.ts";
export * from "./provider-presets.ts";
export * from "./squad-shapes.ts";
