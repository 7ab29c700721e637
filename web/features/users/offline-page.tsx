"use client";
import { CloudOff } from "lucide-react";
import { Button } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/states.tsx";

/** Shown when the server cannot be reached at all. Squads do not need this browser: they work on. */
export function OfflinePage() {
  return (
    <>
      <h1 className="sr-only">Muster cannot be reached</h1>
      <Empty
        icon={CloudOff}
        title="Muster cannot be reached"
        action={
          <Button look="primary" onClick={() => window.location.assign("/")}>
            Try again
          </Button>
        }
      >
        This device is offline, or the server is not running. Executions that were accepted go on and lose nothing.
      </Empty>
    </>
  );
}
