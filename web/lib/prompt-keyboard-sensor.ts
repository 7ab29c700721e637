import { KeyboardSensor, type KeyboardSensorProps } from "@dnd-kit/core";

/** The keys that mean something while something is picked up. */
const meant = /^(Arrow|Space$|Enter$|Escape$|Tab$)/;
/** What is over nothing by then never will be. */
const mostFrames = 30;

/**
 * The keyboard's drag and drop, which loses no key: its base listens only after a timer, and knows where things are only
 * after they were measured. What is pressed until then, by a quick hand or on a busy machine, is held and given to it in
 * order.
 */
export class PromptKeyboardSensor extends KeyboardSensor {
  constructor(props: KeyboardSensorProps) {
    super(props);
    const { ownerDocument } = props.event.target as Element;
    const held: KeyboardEvent[] = [];
    const hold = (event: KeyboardEvent) => {
      // The press that picked it up may be still on its way.
      if (event === props.event || !meant.test(event.code)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      held.push(event);
    };
    const giveBack = (framesLeft: number) => {
      if (!props.context.current.over && framesLeft > 0) {
        requestAnimationFrame(() => giveBack(framesLeft - 1));
        return;
      }
      ownerDocument.removeEventListener("keydown", hold, true);
      for (const { code, key } of held)
        ownerDocument.dispatchEvent(new KeyboardEvent("keydown", { code, key, cancelable: true }));
    };
    ownerDocument.addEventListener("keydown", hold, true);
    // Behind the base's own timer.
    setTimeout(() => giveBack(mostFrames));
  }
}
