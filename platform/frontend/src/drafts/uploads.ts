/** Photos that wait to be sent: kept on this device until the server has them, so that a reload loses none. */
import { database, STRICT, type UploadRow } from "./database";

export type Waiting = Pick<UploadRow, "id" | "file">;

let tab = "";

/** Writes photos down; false where this browser can't keep them, and they are only in this tab. */
export async function keepUploads(uploads: Waiting[]): Promise<boolean> {
  try {
    const transaction = (await database()).transaction("uploads", "readwrite", STRICT);
    const mine = ownTab();
    uploads.forEach(({ id, file }, index) => {
      void transaction.store.put({ id, file, at: Date.now() + index / 1000, tab: mine });
    });
    await transaction.done;
    return true;
  } catch {
    return false;
  }
}

/** It arrived, or nobody wants it any more. */
export async function forgetUpload(id: string): Promise<void> {
  try {
    await (await database()).delete("uploads", id);
  } catch {
    // sent again after a reload it is the same photo, by its id
  }
}

/**
 * Hands over, tab by tab, what tabs that are gone had not sent, the first chosen first. What another tab is still
 * sending is handed over once that tab is gone, if this one lives so long.
 */
export async function adoptUploads(take: (uploads: Waiting[]) => void): Promise<void> {
  const rows = await (await database()).getAll("uploads").catch(() => []);
  const others = new Set(rows.map((row) => row.tab).filter((name) => name !== tab));
  await Promise.all([...others].map((other) => whenGone(other, async () => void take(await takeOver(other)))));
}

async function takeOver(other: string): Promise<Waiting[]> {
  const transaction = (await database()).transaction("uploads", "readwrite", STRICT);
  const mine = ownTab();
  const rows = (await transaction.store.getAll()).filter((row) => row.tab === other).sort((a, b) => a.at - b.at);
  for (const row of rows) void transaction.store.put({ ...row, tab: mine });
  await transaction.done;
  return rows;
}

const lockOf = (name: string) => `stickersnap-uploads-${name}`;

/** This tab's name, under which it holds a lock for as long as it lives (Web Locks API, W3C). */
function ownTab(): string {
  if (!tab) {
    tab = crypto.randomUUID();
    void navigator.locks?.request(lockOf(tab), () => new Promise<never>(() => {}));
  }
  return tab;
}

/** Where the browser knows no locks, every other tab counts as gone: sent twice, it is the same photo all the same. */
async function whenGone(other: string, work: () => Promise<void>): Promise<void> {
  if (navigator.locks) await navigator.locks.request(lockOf(other), work);
  else await work();
}
