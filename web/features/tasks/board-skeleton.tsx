import { Loading, Skeleton, Skeletons } from "../../components/ui/states.tsx";

/** Stands where the board will be, in its size. */
export function BoardSkeleton() {
  return (
    <Loading label="Loading the board" className="flex min-h-0 flex-1 flex-col">
      <Skeleton className="mb-3 h-8 w-full max-w-xl pointer-coarse:h-10" />
      <div className="flex min-h-0 flex-1 gap-3 overflow-hidden">
        {[4, 2, 5, 1, 0].map((cards) => (
          <div key={cards} className="flex w-72 shrink-0 flex-col gap-2 lg:w-auto lg:min-w-46 lg:flex-1">
            <Skeleton className="h-8" />
            <Skeletons count={cards} className="h-22 rounded-lg" />
          </div>
        ))}
      </div>
    </Loading>
  );
}
