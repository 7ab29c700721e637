import { Moment } from "../../components/ui/moment.tsx";

/** When it is asked live at the latest; after that only a budget without room for two answers can hold it. */
export function Deadline({ iso }: { iso: string }) {
  if (Date.parse(iso) < Date.now()) return " · its time is up: goes live as soon as the budget has room";
  return (
    <>
      {" · goes live "}
      <Moment iso={iso} className="whitespace-nowrap" /> at the latest
    </>
  );
}
