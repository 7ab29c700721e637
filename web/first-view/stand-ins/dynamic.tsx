import type { ComponentType } from "react";

type Module = ComponentType | { default: ComponentType };
const loads: Promise<void>[] = [];

/** Stands in for `next/dynamic` while the server draws: all parts are in the bundle and are loaded before the first page. */
export default function dynamic(load: () => Promise<Module>, options: { loading?: ComponentType } = {}) {
  let Part = options.loading ?? null;
  loads.push(
    load().then((module) => {
      Part = "default" in module ? module.default : module;
    }),
  );
  return function DynamicPart(props: object) {
    return Part ? <Part {...props} /> : null;
  };
}

/** When every part is there, also those that parts brought with them. */
export async function allPartsLoaded(): Promise<void> {
  for (let count = -1; count !== loads.length; ) {
    count = loads.length;
    await Promise.all(loads);
  }
}
