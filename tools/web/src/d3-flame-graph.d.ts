// The package's source, in which its parts are not bundled a second time; its own types lack some
// of what it has.
declare module "d3-flame-graph/src/flamegraph.js" {
  export interface FlameGraph<Node> {
    (selection: unknown): void;
    width(pixels: number): this;
    cellHeight(pixels: number): this;
    minFrameSize(pixels: number): this;
    resetHeightOnZoom(on: boolean): this;
    transitionDuration(milliseconds: number): this;
    inverted(on: boolean): this;
    sort(order: (a: Node, b: Node) => number): this;
    label(text: (node: Node) => string): this;
    setColorMapper(colour: (node: Node) => string): this;
    setSearchMatch(matches: (node: Node, term: string) => boolean): this;
    setSearchHandler(found: (results: Node[], sum: number) => void): this;
    setDetailsHandler(say: (text: string | null) => void): this;
    onClick(clicked: (node: Node) => void): this;
    search(term: string): void;
    clear(): void;
    update(): void;
    zoomTo(node: Node): void;
    destroy(): void;
  }
  export default function flamegraph<Node>(): FlameGraph<Node>;
}
