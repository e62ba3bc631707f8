// What the page has to say in sentences: trouble above everything else, and what to do where there is nothing to show.

import { byId, element } from "./element.js";

/** A sentence about trouble; it stays until there is none. */
export function say(text) {
  const notice = byId("notice");
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = false;
}

export function hush() {
  byId("notice").hidden = true;
  byId("notice").textContent = "";
  byId("blank").hidden = true;
}

/** There is nothing to choose from yet: how to change that, with a token where one is needed. */
export function showNoMachines(needsToken) {
  const line = "temperature,plant=detroit,line=press-1,machine=robot-3 value=21.5";
  const steps = needsToken ? ["TOKEN=$(linegraph token create gateway --role writer)"] : [];
  const header = needsToken ? ' -H "Authorization: Bearer $TOKEN"' : "";
  const command = [...steps, `curl "${location.origin}/api/v2/write"${header} \\\n  --data-binary "${line}"`].join("\n");
  blank(
    "No machines yet",
    element("p", { text: "A plant, its lines and machines appear with their first reading. Send one:" }),
    element("pre", {}, element("code", { text: command })),
    element("p", { text: "This page looks again by itself, every few seconds." }),
  );
}

export function showNoMachine(path) {
  const text = `There is no machine ${path}, or this token does not see it. Choose another one from the list.`;
  blank("No such machine", element("p", { text }));
}

function blank(title, ...content) {
  byId("blank").replaceChildren(element("h2", { text: title }), ...content);
  byId("blank").hidden = false;
}
