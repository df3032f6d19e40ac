// What a test opened, and what ends it.
const ends = [];

/// Has something ended with the test, whatever becomes of it.
export const endWithTest = (end) => ends.push(end);

export async function endAll() {
  for (const end of ends.splice(0).reverse()) await end();
}
