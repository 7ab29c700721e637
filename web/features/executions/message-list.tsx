"use client";
import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import clsx from "clsx";
import { ArrowDown, LoaderCircle } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Execution } from "#contracts";
import { calmScroll, isScrolledByHand } from "../../lib/calm-scroll.ts";
import { isTyping } from "../../lib/shortcuts.ts";
import type { LiveMessage } from "./apply-events.ts";
import { layoutLater } from "./layout-later.ts";
import { MessageRow } from "./message-row.tsx";
import type { MoreMessages } from "./use-messages.ts";
import { usePlace } from "./use-place.ts";

interface MessageListProps {
  messages: LiveMessage[];
  execution: Execution;
  search: string;
  /** Only what matches is in the list: it may be short though there is more. */
  narrowed: boolean;
  /** Messages older than the first one. */
  older: MoreMessages["state"];
  onOlder: () => void;
  /** Messages newer than the last one: with such the list is a passage far back, and does not follow. */
  newer: MoreMessages["state"];
  onNewer: (() => void) | undefined;
  /** Leaves the passage for the newest messages. */
  onNewest: () => void;
  /** Id of the message a link points at. */
  target: string | null;
}

const endThresholdPx = 90;
/** Further ones are asked for this near to the top or, in a passage, to the end. */
const nearEdgePx = 600;
/** A narrower window has about half as many letters in a line. */
const phonePx = 640;

/**
 * The messages as a virtual list that starts at the newest, follows while one reads there, lets go when one scrolls up,
 * and asks for older ones near the top (in a passage for newer ones near its end); where it is narrowed to what matches
 * it asks until that is more than the view, for what does not fill the view can not be scrolled.
 */
export function MessageList(props: MessageListProps) {
  const { messages, execution, search, narrowed, older, onOlder, newer, onNewer, onNewest, target } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  // Kept while the messages are: with a new one the virtualizer lays out all rows anew, at each step of a scroll.
  const keyOf = useCallback((index: number) => messages[index]?.id ?? index, [messages]);
  const [layout] = useState(layoutLater);
  const isPassage = newer !== "none";
  // Nor with what ends a passage: it comes below what is read.
  const follows = !usePrevious(isPassage) && !isPassage;
  const lettersInLine = window.innerWidth < phonePx ? 45 : 95;
  const virtualizer = useVirtualizer({
    ...layout.options,
    count: messages.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => estimateHeight(messages[index], lettersInLine),
    getItemKey: keyOf,
    anchorTo: "end",
    followOnAppend: follows,
    scrollEndThreshold: endThresholdPx,
    overscan: 3,
    paddingStart: older === "none" ? 8 : 32,
    // In a passage there is a line below, above the button that leads to the newest.
    paddingEnd: isPassage ? 80 : 24,
    // Where rows stand is written to them at once, React draws again where others come into the window: within the scroll
    // event, or a jump to the newest would show nothing for a frame. Not while somebody scrolls by hand: then a few rows
    // beyond the view are there already, and frames count.
    directDomUpdates: true,
    directDomUpdatesMode: "position",
    useFlushSync: layout.isLaidOut() && !isScrolledByHand(),
    // Before it is measured: a window at the end, so that the rows are drawn in slices with the page and not all at once.
    initialRect: { width: 0, height: window.innerHeight },
    initialOffset: Number.MAX_SAFE_INTEGER,
  });

  const { settled, release } = usePlace(messages, target, virtualizer);

  const scrollByHand = useCallback(() => {
    release();
    calmScroll();
  }, [release]);

  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    setAtEnd(left < endThresholdPx);
    if (!settled.current) return;
    if (element.scrollTop < nearEdgePx && older === "there") onOlder();
    if (left < nearEdgePx && newer === "there") onNewer?.();
  }, [older, onOlder, newer, onNewer, settled]);
  useEffect(() => {
    if (!narrowed || older !== "there") return;
    // In its first frame a list comes to its end; before that it stands at its top, however long it is.
    const frame = requestAnimationFrame(() => {
      if ((scroller.current?.scrollTop ?? nearEdgePx) < nearEdgePx) onOlder();
    });
    return () => cancelAnimationFrame(frame);
  }, [narrowed, older, onOlder]);

  const toNewest = useCallback(() => {
    release();
    if (isPassage) onNewest();
    else virtualizer.scrollToEnd();
  }, [release, isPassage, onNewest, virtualizer]);
  useEndKeys(virtualizer, release, toNewest);

  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scroller}
        onScroll={onScroll}
        onWheel={scrollByHand}
        onTouchMove={scrollByHand}
        onPointerDown={release}
        onKeyDown={release}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls what has the focus
        tabIndex={0}
        role="log"
        aria-label="Messages"
        aria-live="off"
        className="absolute inset-0 overflow-y-auto overscroll-contain -outline-offset-2 [contain:strict] [overflow-anchor:none]"
      >
        <More side="older" state={older} load={onOlder} />
        <div ref={virtualizer.containerRef} className="relative w-full">
          {virtualizer.getVirtualItems().map((item) => {
            const message = messages[item.index];
            if (!message) return null;
            return (
              <div
                key={item.key}
                ref={virtualizer.measureElement}
                data-index={item.index}
                className="absolute inset-x-0"
              >
                <MessageRow
                  message={message}
                  previous={messages[item.index - 1]}
                  execution={execution}
                  search={search}
                  highlighted={message.id === target}
                />
              </div>
            );
          })}
        </div>
        <More side="newer" state={newer} load={onNewer} />
      </div>
      {(!atEnd || isPassage) && <NewestButton onClick={toNewest} />}
    </div>
  );
}

function NewestButton({ onClick }: { onClick: () => void }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="absolute bottom-3 left-1/2 flex h-8 -translate-x-1/2 animate-rise items-center gap-1.5 rounded-full bg-ink px-3 font-medium text-inverse text-xs shadow-pop"
    >
      <ArrowDown aria-hidden className="size-3.5" />
      Newest
    </button>
  );
}

/** What a value was at the last drawing. */
function usePrevious<Value>(value: Value): Value {
  const previous = useRef(value);
  useEffect(() => {
    previous.current = value;
  });
  return previous.current;
}

/** End and Home lead to the newest message and to the oldest that is loaded. */
function useEndKeys(virtualizer: Virtualizer<HTMLDivElement, Element>, release: () => void, toNewest: () => void) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target) || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey) return;
      if (event.key === "End") toNewest();
      else if (event.key === "Home") {
        release();
        virtualizer.scrollToOffset(0);
      } else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [virtualizer, release, toNewest]);
}

interface MoreProps {
  side: "older" | "newer";
  state: MoreMessages["state"];
  load: (() => void) | undefined;
}

/**
 * Above the first message and, in a passage, below the last: that there are more, and the way to them for who does not
 * scroll.
 */
function More({ side, state, load }: MoreProps) {
  if (state === "none") return null;
  return (
    <button
      type="button"
      aria-busy={state === "busy" || undefined}
      onClick={state === "busy" ? undefined : load}
      className={clsx(
        "absolute left-1/2 z-10 flex h-6 -translate-x-1/2 items-center whitespace-nowrap rounded-md px-2 text-xs hover:bg-hover",
        side === "older" && "top-1",
        side === "newer" && "-mt-18",
        state === "failed" ? "text-bad" : "text-muted",
      )}
    >
      {state === "busy" && <LoaderCircle aria-label={`Loading ${side} messages`} className="size-3.5 animate-spin" />}
      {state === "there" && (side === "older" ? "Older messages above" : "Newer messages below")}
      {state === "failed" && `${side === "older" ? "Older" : "Newer"} messages could not be loaded: try again`}
    </button>
  );
}

/** How often a message begins a new line; thousands are asked for whenever a message comes, so each is counted once. */
const lineBreaks = new WeakMap<LiveMessage, number>();

/** About the height of a row before it was measured: near enough that the scrollbar does not jump. */
function estimateHeight(message: LiveMessage | undefined, lettersInLine: number): number {
  if (!message) return 80;
  let breaks = lineBreaks.get(message);
  if (breaks === undefined) {
    breaks = message.content.match(/\n/g)?.length ?? 0;
    lineBreaks.set(message, breaks);
  }
  const lines = message.content.length / lettersInLine + breaks * 0.7;
  return 52 + Math.max(1, Math.min(60, lines)) * 21 + message.tools.length * 34;
}
