"use client";
import { startTransition, useEffect, useState } from "react";

/**
 * False until what it is used in has been painted: for reads that are nice to have beside what is shown. Asked for while
 * a page is put up, they would lengthen that task; a window in the background asks once it is looked at.
 */
export function useAfterPaint(): boolean {
  const [painted, setPainted] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(() => startTransition(() => setPainted(true)));
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, []);
  return painted;
}
