"use client";
import Confirm from "../ui/confirm.tsx";

/** Asks before a sign-out takes drafts away. */
export default function ConfirmLeaving({ onClose, onLeave }: { onClose: () => void; onLeave: () => Promise<void> }) {
  return (
    <Confirm title="Sign out and lose unsaved changes?" action="Sign out" onClose={onClose} onConfirm={onLeave}>
      <p>
        What you changed in the squad builder and did not save, and what you typed in the chat or in a new task and did
        not send, is kept on this device only. It goes when you sign out, so that nobody else finds it here.
      </p>
    </Confirm>
  );
}
