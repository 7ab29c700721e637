import { Page } from "../../components/shell/page.tsx";
import { CommandKey, Kbd } from "../../components/ui/keys.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { CharacterKeysNote } from "./character-keys-note.tsx";
import { commandKey, shortcutGroups } from "./shortcut-groups.ts";

/** `/shortcuts`: every key, by where it works. */
export function ShortcutsPage() {
  return (
    <Page title="Keyboard shortcuts">
      <CharacterKeysNote />
      <div className="max-w-5xl gap-4 md:columns-2">
        {shortcutGroups.map((group) => (
          <Panel key={group.title} title={group.title} className="mb-4 break-inside-avoid">
            <dl className="divide-y divide-line">
              {group.keys.map(({ keys, what }) => (
                <div key={what} className="flex items-center justify-between gap-4 px-3 py-2">
                  <dt className="text-muted">{what}</dt>
                  <dd className="flex shrink-0 gap-1">
                    {keys.map((key) => (
                      <Kbd key={key}>{key === commandKey ? <CommandKey /> : key}</Kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </Panel>
        ))}
      </div>
    </Page>
  );
}
