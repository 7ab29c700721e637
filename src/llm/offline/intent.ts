/** True when a task wants weak points found, not a summary of what a text says. */
export function asksForClaims(task: string): boolean {
  return /\b(?:claims?|production|cannot hold|risks?|risky|reviews?|audits?|verify|wrong|mistakes?|errors? in|problems?|issues?|bugs?|weak\w*|vulnerab\w*|critique|criticise|check|holds? up|true)\b/i.test(
    task,
  );
}
