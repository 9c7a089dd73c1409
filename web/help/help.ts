/** What scripts add to the documentation: search, a switch for the theme, buttons that copy code. */
import { addCopyButtons } from "./copy.ts";
import { startSearch } from "./search.ts";
import { addThemeButton } from "./theme-button.ts";

startSearch();
addThemeButton();
addCopyButtons();
