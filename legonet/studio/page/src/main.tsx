import { render } from "preact";
import { App } from "./App";
import "@xyflow/react/dist/base.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/board.css";
import "./styles/screens.css";

render(<App />, document.getElementById("page")!);
