/** Copying text, and saying on the button that it was done. */

/** Copy `text`; where the browser does not let us, show it to be copied by hand. */
export async function copied(button, text, what) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    window.prompt(what, text);
  }
  setTimeout(() => (button.textContent = before === "Copied" ? button.textContent : before), 1500);
}
