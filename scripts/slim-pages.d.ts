/** A document whose payload does not repeat its inlined stylesheet. */
export function slimDocument(html: string): string;
