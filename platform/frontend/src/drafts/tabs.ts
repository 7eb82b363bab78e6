/** One tab at a time paints on a photo (Web Locks API, W3C). */

export interface Claim {
  release(): void;
}

const nameOf = (photo: string) => `stickersnap-fix-${photo}`;

/**
 * Claims a photo for this tab; null when another one has it. `steal` takes it from there, and that tab's `lost` is
 * called. Where the browser knows no locks (plain HTTP from another machine), every claim is granted.
 */
export function claimPhoto(photo: string, { steal = false, lost }: { steal?: boolean; lost: () => void }) {
  if (!navigator.locks) return Promise.resolve<Claim | null>({ release: () => {} });
  return new Promise<Claim | null>((resolve, reject) => {
    let granted = false;
    const options = steal ? { steal: true } : { ifAvailable: true };
    navigator.locks
      .request(nameOf(photo), options, (lock) => {
        if (!lock) return resolve(null);
        granted = true;
        return new Promise<void>((release) => resolve({ release }));
      })
      .catch((error) => (granted ? lost() : reject(error)));
  });
}

/** Whether a tab, this one included, has the photo open. */
export async function isOpen(photo: string): Promise<boolean> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return held.some(({ name }) => name === nameOf(photo));
}
