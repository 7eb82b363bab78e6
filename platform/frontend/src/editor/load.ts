/** A picture that is ready to be drawn. */
export async function loadImage(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    throw new Error("The photo could not be loaded. Check the connection, then try again.");
  }
  return image;
}
