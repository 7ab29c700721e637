import { Loading, Skeleton } from "../../components/ui/states.tsx";

/** Stands where the builder will be, in its size: the roles, a squad of four members, the settings. */
export function BuilderSkeleton() {
  return (
    <Loading
      label="Loading the squad builder"
      className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem] xl:grid-cols-[12.5rem_minmax(0,1fr)_18rem] 2xl:grid-cols-[15rem_minmax(0,1fr)_21rem]"
    >
      <Skeleton className="hidden h-[39.625rem] rounded-lg xl:block" />
      <Skeleton className="h-[19.8125rem] rounded-lg pointer-coarse:h-[20.0625rem]" />
      <Skeleton className="h-[46.25rem] rounded-lg" />
    </Loading>
  );
}
