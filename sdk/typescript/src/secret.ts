/** The longest text of a service that a message repeats, in characters. */
export const maxSaid = 512;

const mark = "[redacted]";

/** Returns text without the secrets, as they are or as a URL, base64, HTML or JSON spells them. */
export function hide(text: string, secrets: string[]): string {
  let shown = text;
  for (const secret of secrets) {
    if (secret.length <= 2) {
      continue; // it would blacken the whole text and hide nothing
    }
    const json = JSON.stringify(secret).slice(1, -1);
    const html = secret.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
    const named = secret.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
    const bytes = Buffer.from(secret);
    const form = new URLSearchParams([["", secret]]).toString().slice(1);
    const base64 = bytes.toString("base64").replace(/=+$/, "");
    for (const spelling of [
      secret,
      json,
      html,
      named,
      encodeURIComponent(secret),
      form,
      base64,
      bytes.toString("base64url"),
      bytes.toString("hex"),
    ]) {
      shown = shown.replaceAll(spelling, mark);
    }
  }
  return shown;
}

/** Returns text without what looks like a signed token. */
export function hideJWTs(text: string): string {
  return text.replace(/eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_=-]*)?/g, mark);
}

/** Returns text as a part of one line, of at most limit characters. */
export function line(text: string, limit: number): string {
  const shown = text
    .replace(/\s/gu, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Variation_Selector}]/gu, "\uFFFD")
    .trim();
  return shown.length > limit ? `${shown.slice(0, limit)}…` : shown;
}
