/** What is used of noVNC. @see https://github.com/novnc/noVNC/blob/v1.7.0/docs/API.md */
declare module "@novnc/novnc" {
  class RFB extends EventTarget {
    constructor(target: Element, url: string, options?: { shared?: boolean });
    scaleViewport: boolean;
    background: string;
    qualityLevel: number;
    focus(): void;
    blur(): void;
    sendCtrlAltDel(): void;
    disconnect(): void;
  }

  // biome-ignore lint/style/noDefaultExport: as the package has it
  export { RFB as default };
}
