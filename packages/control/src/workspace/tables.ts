/** Room: workspace. That the example workspace was set up here, and from what. */
export interface WorkspaceTables {
  workspace_setup: {
    tenant: string;
    /** SHA-256 of the workspace file. */
    digest: string;
    done_at: number;
  };
}
