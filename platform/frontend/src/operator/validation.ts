/**
 * What the API says of each field: its detail is "name: sentence name: sentence …". What names none of `fields` is
 * under "".
 */
export function fieldErrors(detail: string, fields: readonly string[]): Record<string, string> {
  const names = new RegExp(`(?:^|\\s)(${fields.join("|")}): `, "g");
  const errors: Record<string, string> = {};
  const found = [...detail.matchAll(names)];
  const before = detail.slice(0, found[0]?.index ?? detail.length).trim();
  if (before) errors[""] = before;
  found.forEach((match, index) => {
    const sentence = detail.slice(match.index + match[0].length, found[index + 1]?.index).trim();
    const name = match[1]!;
    errors[name] = [errors[name], sentence].filter(Boolean).join(" ");
  });
  return errors;
}
