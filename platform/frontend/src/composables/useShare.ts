import { getBytes } from "../api/client";
import type { Sticker } from "../api/types";

const TYPES: Record<string, string> = { webp: "image/webp", png: "image/png" };

/** Whether this browser can hand pictures to the apps of its device (Web Share, level 2): phones, mostly. */
export function canShare(): boolean {
  const sample = new File(["x"], "sticker.webp", { type: TYPES.webp });
  return typeof navigator.canShare === "function" && navigator.canShare({ files: [sample] });
}

/** Opens the device's own sheet with the sticker; false where the person closed it again. */
export async function shareSticker({ file_url, filename }: Sticker): Promise<boolean> {
  const type = TYPES[filename.split(".").pop() ?? ""] ?? "image/png";
  const file = new File([await getBytes(file_url)], filename, { type });
  try {
    await navigator.share({ files: [file] });
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return false;
    throw new Error("The sticker can't be shared from here. Download it, then send the file.", { cause: error });
  }
}
