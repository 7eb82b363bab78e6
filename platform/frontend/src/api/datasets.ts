import { get, pathOf } from "./client";
import type { DatasetDetail, DatasetVersion, Page } from "./types";

/** Dataset versions, newest first. */
export const listDatasets = (url = "/api/v1/releases/datasets/") => get<Page<DatasetVersion>>(pathOf(url));
export const readDataset = (number: string) => get<DatasetDetail>(`/api/v1/releases/datasets/${number}/`);
