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

/** Whether this browser can hand this very file to another app; some take pictures only. */
export function canShareFile(file: File): boolean {
  return typeof navigator.canShare === "function" && navigator.canShare({ files: [file] });
}

/** Opens the device's own sheet with a file. */
export async function shareFile(file: File): Promise<void> {
  try {
    await navigator.share({ files: [file] });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return; // closed again
    throw new Error("This browser can't share such a file. Save it, then send it on.", { cause: error });
  }
}

/** Hands a file to the browser's downloads. */
export function saveFile(file: File): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the download reads it first
}
