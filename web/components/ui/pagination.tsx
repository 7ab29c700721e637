import { ChevronLeft, ChevronRight } from "lucide-react";
import { plural } from "../../lib/format.ts";
import { IconButton } from "./button.tsx";

interface PaginationProps {
  page: number;
  pages: number;
  total: number;
  noun: string;
  onPage: (page: number) => void;
}

/** Where one is in a list of known length, and the way on. */
export function Pagination({ page, pages, total, noun, onPage }: PaginationProps) {
  return (
    <nav aria-label="Pages" className="flex items-center justify-between gap-2 text-muted text-xs">
      <span className="tabular">{plural(total, noun)}</span>
      {pages > 1 && (
        <span className="flex items-center gap-1">
          <IconButton label="Previous page" disabled={page <= 1} onClick={() => onPage(page - 1)}>
            <ChevronLeft aria-hidden className="size-4" />
          </IconButton>
          <span className="tabular">
            {page} of {pages}
          </span>
          <IconButton label="Next page" disabled={page >= pages} onClick={() => onPage(page + 1)}>
            <ChevronRight aria-hidden className="size-4" />
          </IconButton>
        </span>
      )}
    </nav>
  );
}
